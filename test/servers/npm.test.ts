import { tellStories } from './story.js'

tellStories('npm')
