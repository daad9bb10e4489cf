"""Who there is: organisations, teams, people.

Tables: organizations, teams, team_memberships, users.
Verbs: ensure_organization, ensure_users, list_users, principal_for.
"""
