/** What option-table.test.js reads: the options that the types know. */
import * as turnout from '../../../index';

export type Server = turnout.ServerOptions;
export type Request = turnout.RequestOptions;
export type Agent = turnout.AgentOptions;
