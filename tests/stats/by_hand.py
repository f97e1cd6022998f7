"""Statistics by the long way, for several tests."""

import numpy as np


def freedom(X, stretch, column):
    """Satterthwaite's degrees of freedom of a jackknife's squared error, by way of the matrix of all rows.

    X : (n, k), the intercept's ones among its columns, in the square roots of the weights where there are any.
    """
    keep = np.eye(len(X)) - X @ np.linalg.pinv(X)  # from outcomes to residuals
    moves = []
    for g in range(stretch.max() + 1):
        there = stretch == g
        moves.append(-np.linalg.inv(X[~there].T @ X[~there])[column] @ X[there].T @ keep[there])
    moves = np.array(moves) - np.mean(moves, axis=0)
    values = np.linalg.eigvalsh(moves @ moves.T)
    return values.sum() ** 2 / (values**2).sum()
