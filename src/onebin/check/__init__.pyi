from .contracts import ContractSpec as ContractSpec
from .contribution import (
    PlannedPlugin as PlannedPlugin,
    contribution_of as contribution_of,
    is_looked_up as is_looked_up,
    places as places,
    unseen as unseen,
)
from .graph import graph_lines as graph_lines
from .isolation import isolated_rows as isolated_rows
from .order import Precedence as Precedence
from .plan import Plan as Plan, check as check
from .target import check_needs as check_needs
