from .keys import SigningKey as SigningKey, development_key as development_key, signing_key as signing_key
