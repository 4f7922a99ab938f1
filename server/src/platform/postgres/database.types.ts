// Generated from the migrated database. Do not edit.
export interface DB {}
