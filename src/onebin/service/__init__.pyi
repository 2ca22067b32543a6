from .serve import Serving as Serving, serve as serve
from .settings import LOOPBACK as LOOPBACK, ServiceLimits as ServiceLimits, ServiceSettings as ServiceSettings
from .sizes import OrderSize as OrderSize, Sizes as Sizes
