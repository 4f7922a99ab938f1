/** What people call these columns in their exports: folded by `foldName`. English, German, French, Spanish, Portuguese. */
const KNOWN_NAMES = {
  email: [
    'email',
    'emailaddress',
    'mail',
    'mailaddress',
    'subscriberemail',
    'emailid',
    'useremail',
    'contactemail',
    'emailadresse',
    'mailadresse',
    'epost',
    'adressemail',
    'adresseemail',
    'adresseelectronique',
    'courriel',
    'mel',
    'correo',
    'correoelectronico',
    'direcciondecorreo',
    'direcciondecorreoelectronico',
    'emailprincipal',
    'direccionemail',
    'enderecodeemail',
    'correioeletronico',
    'correioelectronico',
    'enderecoemail',
    'enderecoeletronico',
    'email1',
    'primaryemail',
  ],
  first_name: [
    'firstname',
    'fname',
    'givenname',
    'forename',
    'first',
    'vorname',
    'rufname',
    'prenom',
    'nombre',
    'nombredepila',
    'primernombre',
    'nome',
    'primeironome',
    'nomeproprio',
  ],
  last_name: [
    'lastname',
    'lname',
    'surname',
    'familyname',
    'last',
    'nachname',
    'familienname',
    'zuname',
    'nom',
    'nomdefamille',
    'apellido',
    'apellidos',
    'primerapellido',
    'sobrenome',
    'apelido',
    'ultimonome',
  ],
} as const

export type ContactField = keyof typeof KNOWN_NAMES

const FIELD_OF: ReadonlyMap<string, ContactField> = new Map(
  (['email', 'first_name', 'last_name'] as const).flatMap((field) =>
    KNOWN_NAMES[field].map((name): [string, ContactField] => [foldName(name), field]),
  ),
)

/** `E-Mail`, `e mail` and `EMAIL` are one name; accents are dropped. */
export function foldName(name: string): string {
  return name
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}

export function fieldOfName(name: string): ContactField | undefined {
  return FIELD_OF.get(foldName(name))
}
