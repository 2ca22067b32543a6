from .beside import Beside as Beside, side_cars_of as side_cars_of
from .checking import VerifiedSideCar as VerifiedSideCar, verify_side_car as verify_side_car
from .container import Container as Container, is_side_car as is_side_car, read_container as read_container
from .facts import SideCarFacts as SideCarFacts
from .keys import SigningKey as SigningKey, development_key as development_key, signing_key as signing_key
from .packing import Packed as Packed, PackRequest as PackRequest, pack_plugin as pack_plugin
from .report import (
    SideCarDifference as SideCarDifference,
    SideCarReport as SideCarReport,
    diff_side_cars as diff_side_cars,
    inspect_side_car as inspect_side_car,
)
from .revocation import RevocationRequest as RevocationRequest, Revoked as Revoked, revoke as revoke
