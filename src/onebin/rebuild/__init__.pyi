from .recover import LocalPath as LocalPath, Recovered as Recovered, recover as recover
from .reproduce import reproduce as reproduce
