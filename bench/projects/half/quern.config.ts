import { defineConfig } from 'quern'

export default defineConfig({})
