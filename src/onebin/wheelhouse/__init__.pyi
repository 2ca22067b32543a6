from .contents import check as check, supplied as supplied
from .git import redirected as redirected, repositories as repositories
from .vendor import VendorResult as VendorResult, fill as fill
