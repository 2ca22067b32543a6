"""The pages of the site."""

from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda _: HttpResponse("a page"))]
