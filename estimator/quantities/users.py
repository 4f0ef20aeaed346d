"""Users and what they leave behind."""

from estimator.quantity import Quantity

ENTRIES = (
    Quantity("users", "U", "user", "number of users",
        "People who use the service", 100_000_000),
    Quantity("record_bytes", r"m_{\text{user}}", "byte", "size of a user's record",
        "Bytes of one user's profile", 10_000),
    Quantity("profile_bytes", r"M_{\text{profiles}}", "byte", "size of the profiles",
        "Bytes of all users' profiles", 1_000_000_000_000),
    Quantity("requests_per_user", "q", "request/day", "requests of a user a day",
        "Requests, or interactions, that one user makes in a day", 10),
    Quantity("interaction_bytes", r"m_{\text{int}}", "byte", "size of an interaction",
        "Bytes that are stored of one interaction", 2_000),
    Quantity("index_share", "x", "share", "index share",
        "Size of the index as a share of what it indexes", 0.25, high=10),
    Quantity("daily_bytes", r"M_{\text{day}}", "byte/day", "interaction data of a day",
        "Bytes of interactions that a day adds, with their index", 2_500_000_000_000),
)  # fmt: skip
