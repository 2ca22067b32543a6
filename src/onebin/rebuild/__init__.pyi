from .recover import Recovered as Recovered
from .recover import recover as recover
from .reproduce import reproduce as reproduce
