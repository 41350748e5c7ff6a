"""A real S3 server: OpenStack Swift with its S3 API, all of its servers in one process.

usage: swift-server.py DIRECTORY PORT,PORT,PORT,PORT KEY SECRET

DIRECTORY needs a file system with extended attributes. The first port is the S3 API's. Signatures and clocks are
checked, parts listed, uploads shown only when they are complete. What was acknowledged survives SIGKILL.
"""

import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

directory, key, secret = sys.argv[1], sys.argv[3], sys.argv[4]
port, *others = [int(one) for one in sys.argv[2].split(",")]
os.makedirs(directory + "/devices/d", exist_ok=True)
with open(directory + "/swift.conf", "w") as conf:
    conf.write("[swift-hash]\nswift_hash_path_suffix = berth\n")
utils.SWIFT_CONF_FILE = directory + "/swift.conf"
utils.HASH_PATH_SUFFIX = b"berth"
utils.HASH_PATH_PREFIX = b""

from swift.account.server import app_factory as account_factory  # noqa: E402
from swift.common import storage_policy  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.container.server import app_factory as container_factory  # noqa: E402
from swift.obj.server import app_factory as object_factory  # noqa: E402

storage_policy.reload_storage_policies()
ports = dict(zip(["account", "container", "object"], others))
for name, number in ports.items():
    builder = RingBuilder(2, 1, 1)
    builder.add_dev(
        {
            "id": 0, "region": 1, "zone": 1, "weight": 1, "device": "d", "meta": "",
            "ip": "127.0.0.1", "port": number, "replication_ip": "127.0.0.1", "replication_port": number,
        }
    )
    builder.rebalance()
    builder.get_ring().save(directory + "/" + name + ".ring.gz")

PROXY = """
[DEFAULT]
swift_dir = {directory}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth bulk slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
dns_compliant_bucket_names = true
check_bucket_owner = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
object_post_as_copy = false
"""
account, user = key.split(":")
with open(directory + "/proxy.conf", "w") as conf:
    conf.write(PROXY.format(directory=directory, account=account, user=user, secret=secret))


class Cache:
    """In the place of memcached, without which tempauth does nothing."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        return self.values.get(key)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)

    def incr(self, key, delta=1, **_):
        self.values[key] = self.values.get(key, 0) + delta
        return self.values[key]


cache = Cache()
proxy = loadapp(directory + "/proxy.conf")


def with_cache(environ, start_response):
    # Buckets come and go in tests: what is known of them is asked for each time.
    cache.values = {k: v for k, v in cache.values.items() if not k.startswith(("container/", "shard-"))}
    environ["swift.cache"] = cache
    return proxy(environ, start_response)


common = {
    "devices": directory + "/devices", "mount_check": "false", "swift_dir": directory,
    "fallocate_reserve": "0", "disable_fallocate": "true", "log_level": "ERROR",
}
factories = {"account": account_factory, "container": container_factory, "object": object_factory}





def serve(number, app, protocol):
    sock = eventlet.listen(("127.0.0.1", number), reuse_addr=True)
    wsgi.server(sock, app, protocol=protocol, log_output=False, debug=False, max_size=1024)


for name, factory in factories.items():
    eventlet.spawn(serve, ports[name], factory({}, **common), SwiftHttpProtocol)
eventlet.spawn_after(0, lambda: (sys.stdout.write("listening\n"), sys.stdout.flush()))
serve(port, with_cache, SwiftHttpProtocol)
