const nameCharactersMax = 200
const imageCharactersMax = 2000
/** What `NameText` refuses. Providers choose names too, and nobody could correct a refused one. */
const hidden = /[\p{Cc}\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/gu

/** A name from a sign-in provider as pages and mails may show it. */
function shownName(name: string): string {
  const shown = name.replaceAll(hidden, ' ').trim().slice(0, nameCharactersMax).toWellFormed()
  return shown === '' ? 'Unnamed' : shown
}

/** The picture's address if a page may load it, else null: a page may put it into a link. */
function shownImage(image: string): string | null {
  const url = URL.parse(image)
  return url?.protocol === 'https:' && url.href.length <= imageCharactersMax ? url.href : null
}

interface ProfileFields {
  readonly name?: string | undefined
  readonly image?: string | null | undefined
}

/** The fields of a new or changed user that others see, cleaned. */
export function shownFields({ name, image }: ProfileFields): { name?: string; image?: string | null } {
  return {
    ...(name === undefined ? {} : { name: shownName(name) }),
    ...(image === undefined ? {} : { image: image === null ? null : shownImage(image) }),
  }
}
