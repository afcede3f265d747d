"""What goes wrong at the hub."""


class RepositoryNotFoundError(Exception):
    pass


class GatedRepoError(RepositoryNotFoundError):
    pass


class HFValidationError(ValueError):
    pass
