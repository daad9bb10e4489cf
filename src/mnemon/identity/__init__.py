"""Who there is, who somebody is, and what they may do.

Tables: organizations, teams, team_memberships, users, participant_names; user_credentials, mfa_devices, oauth_tokens,
sessions, api_keys, api_key_uses; roles, permissions, role_permissions, user_roles; user_preferences, devices.
Verbs are in service/, one file for each concern: people, teams, credentials, sessions, keys, roles; what other domains
call of participants is in participants.
"""
