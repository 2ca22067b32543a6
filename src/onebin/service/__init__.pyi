from .serve import Serving as Serving, serve as serve
from .settings import LOOPBACK as LOOPBACK, Limits as Limits, ServiceSettings as ServiceSettings
