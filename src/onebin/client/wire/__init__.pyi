from .address import Address as Address
from .answers import (
    BuildAnswer as BuildAnswer,
    CatalogueAnswer as CatalogueAnswer,
    LogAnswer as LogAnswer,
    OrderAnswer as OrderAnswer,
    failure as failure,
    parsed as parsed,
)
from .connection import Connection as Connection, Lost as Lost
from .stream import messages as messages
