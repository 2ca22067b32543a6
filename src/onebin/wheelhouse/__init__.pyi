from .contents import check as check, supplied as supplied
from .fill import VendorResult as VendorResult, fill as fill
from .git import redirected as redirected, repositories as repositories
