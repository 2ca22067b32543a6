from .compile import (
    carry as carry,
    check as check,
    exists_for as exists_for,
    file_name as file_name,
    find as find,
    is_carried as is_carried,
)
