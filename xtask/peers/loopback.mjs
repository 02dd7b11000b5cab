// Preloaded into Node servers that would listen on every interface: they listen on the loopback interface only, and say
// `listening on URL` once they do.
import net from 'node:net';

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
  this.once('listening', () => console.log(`listening on http://127.0.0.1:${this.address().port}/mcp`));
  return listen.call(this, { host: '127.0.0.1', port: Number(port) }, rest.find((word) => typeof word === 'function'));
};
