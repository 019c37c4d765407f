// Stands in for two modules of Node that the browser tests of axios import: of one they use nothing, of the other this.
exports.randomFillSync = array => globalThis.crypto.getRandomValues(array)
