import { tellStories } from './story.js'

tellStories('Debian')
