y: int
