/** The events of the session, newest first. */
import { h } from './dom.js'
import type { Note } from './notes.js'
import { formatInstant, wordsOf } from './words.js'

export interface EventList {
  readonly element: HTMLElement
  add(note: Note): void
}

const limit = 100

/** @param announce tells a screen reader about events that the user did not cause */
export function createEventList(epoch: number, announce: (text: string) => void): EventList {
  const empty = h('li', { class: 'quiet' }, 'Nothing has happened yet')
  const list = h('ol', { 'aria-label': 'Events, newest first' }, empty)
  return {
    element: h('section', { class: 'events' }, h('h3', {}, 'Events'), list),
    add(note) {
      if (note.kind !== 'event' && note.kind !== 'control') return
      const { title, detail, isBad } = wordsOf(note)
      const time = h('time', {}, formatInstant(note.at - epoch))
      const item = h('li', { 'data-title': title }, time, h('strong', {}, title), detail)
      if (isBad) item.dataset['bad'] = ''
      empty.remove()
      list.prepend(item)
      while (list.children.length > limit) list.lastChild?.remove()
      if (isBad) announce(`${title}. ${detail}`)
    },
  }
}
