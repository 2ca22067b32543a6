from .contents import (
    Selected as Selected,
    check as check,
    installable_lock as installable_lock,
    selected as selected,
)
from .download import DownloadError as DownloadError, read_url as read_url
from .git import git_redirects as git_redirects, repositories as repositories
from .vendor import VendorResult as VendorResult, fill as fill
