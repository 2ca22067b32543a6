from .routes import build_page as build_page, error_page as error_page, page_routes as page_routes
