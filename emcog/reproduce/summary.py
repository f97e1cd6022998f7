"""Being written."""


def summary_page(results):
    return ""
