from .app import application as application
from .context import Service as Service
from .news import News as News
