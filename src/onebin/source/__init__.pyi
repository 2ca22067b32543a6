from .collection import METADATA_FOLDER as METADATA_FOLDER
from .collection import declared_modules as declared_modules
from .description import describe as describe
from .render import Source as Source
from .render import render as render
from .typecheck import check_types as check_types
