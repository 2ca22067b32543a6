from .contracts import ContractSpec as ContractSpec
from .contribution import PlannedPlugin as PlannedPlugin
from .graph import graph as graph
from .isolation import isolated_rows as isolated_rows
from .order import Precedence as Precedence
from .plan import Plan as Plan
from .plan import check as check
from .target import check_needs as check_needs
