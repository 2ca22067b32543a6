from .settings import Limits as Limits, ServiceSettings as ServiceSettings
