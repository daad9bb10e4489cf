-- What a person ($2) of an organisation ($1) may do at a moment ($3), as permissions_of has it, and the teams they belong
-- to: one row, in one round trip, because every request that signs in asks for both.
-- Indexes: pk_user_roles, pk_roles, pk_role_permissions, pk_permissions, uq_team_memberships_organization_id_user_id.
{held}SELECT
  ARRAY(
{names}) AS permissions,
  ARRAY(SELECT t.team_id FROM team_memberships t WHERE t.organization_id = $1 AND t.user_id = $2) AS team_ids
