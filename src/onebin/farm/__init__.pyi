from .attested import CellAttestor as CellAttestor
from .cells import Cell as Cell, cells_of as cells_of, request_of as request_of
from .github import github_matrix as github_matrix
from .jobs import Job as Job
from .keys import Keys as Keys
from .local import fitting_jobs as fitting_jobs
from .matrix import (
    MatrixRequest as MatrixRequest,
    build_matrix as build_matrix,
    check_scheduler as check_scheduler,
    default_store as default_store,
)
from .results import CellResult as CellResult, MatrixResult as MatrixResult, Outcome as Outcome
from .store import Record as Record, Store as Store
from .work import build_cell as build_cell, do_nothing as do_nothing
