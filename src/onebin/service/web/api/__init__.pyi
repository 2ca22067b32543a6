from .builds import build_routes as build_routes
from .files import file_routes as file_routes
from .offers import offer_routes as offer_routes
from .state import state_routes as state_routes
