"""The settings of the site."""

SECRET_KEY = "for tests"  # noqa: S105  # it protects nothing
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bookshop.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "books.sqlite3"}}
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
