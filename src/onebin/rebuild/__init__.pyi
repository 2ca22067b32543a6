from .recovery import LocalPath as LocalPath, Recovered as Recovered, recover as recover
from .reproduction import reproduce as reproduce
