from .watcher import Watcher as Watcher
