from .contracts import ContractSpec as ContractSpec, compatible as compatible
from .contribution import PlannedPlugin as PlannedPlugin
from .graph import graph_lines as graph_lines
from .isolation import isolated_rows as isolated_rows
from .order import Precedence as Precedence
from .plan import Plan as Plan, check as check
from .target import check_needs as check_needs
