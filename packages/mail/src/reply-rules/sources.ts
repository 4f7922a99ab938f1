/** Public lists in which the wording of receivers was collected. Wording is a fact; the rules here are our own. */
export const ZONE_MTA = 'https://github.com/zone-eu/zone-mta/blob/master/config/bounces.txt'
export const KUMO_BOUNCES = 'https://github.com/KumoCorp/kumomta/blob/main/assets/community/bounces.toml'
export const KUMO_SHAPING = 'https://github.com/KumoCorp/kumomta/blob/main/assets/community/shaping.toml'
export const SISIMAI = 'https://github.com/sisimai/set-of-emails'
