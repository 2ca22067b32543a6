from .contents import check as check
from .contents import supplied as supplied
from .fill import VendorResult as VendorResult
from .fill import fill as fill
from .git import redirected as redirected
from .git import repositories as repositories
