import { testDepartures } from '../support/tabs-departures-suite.js'

testDepartures('reload')
