"""Settings of the worker, loaded by simple-settings (`SIMPLE_SETTINGS=settings`).

Every value can be overridden by an environment variable of the same name, for example
`WINDOW_SIZE_S=10 WINDOW_HOP_S=5 faust -A pg_streaming_machine_learning.app worker -l INFO`.
Types and ranges are in docs/settings.md.
"""

from pg_streaming_machine_learning.sources import nagios_rule, telegraf_built_in

# Kafka, and the Schema Registry that knows the writers' schemas.
KAFKA_BOOTSTRAP_SERVER = "kafka://localhost:9092"
SCHEMA_REGISTRY_URL = "http://localhost:8081"

# Topics that are read if their source is among SOURCES, and written if what they hold is among PUBLISH.
INPUT_TOPIC = "pg-streaming-labeled-data"
FEATURES_TOPIC = "pg-streaming-features"
TARGETS_TOPIC = "pg-streaming-targets"
SYSTEM_TRACES_TOPIC = "pg-traces-system"
TELEGRAF_TOPIC = "pg-traces-telegraf"
NAGIOS_TOPIC = "pg-traces-nagios"
ZIPKIN_TOPIC = "pg-traces-software"

# What is read: some of labeled-data, features, targets, system-traces, telegraf, nagios and zipkin.
SOURCES = ("labeled-data",)

# What others can read on the way to the predictions: system-traces, features, targets, labeled-data.
PUBLISH = ()

# What is read of Telegraf's measurements, which devices are not (a pattern of their whole name: partitions,
# virtual ones), and the unit of the timestamps.
TELEGRAF_MAPPING = tuple(telegraf_built_in.BUILT_IN_MAPPING)
TELEGRAF_DEVICES_LEFT_OUT = telegraf_built_in.DEVICES_LEFT_OUT
TELEGRAF_PRECISION = "ns"

# What is read of the states of Nagios' services.
NAGIOS_SERVICES = dict(nagios_rule.NAGIOS_SERVICES)

# What in a span names its host, which kinds of spans count, and what spans call a host → its name in metrics.
ZIPKIN_HOST_FROM = "remote.ipv4"
ZIPKIN_KINDS = ("SERVER", "none")
HOST_ALIASES: dict[str, str] = {}

# What is slow: a file (docs/objectives.md); a span above a second without one. And what a window is without
# any span: "0" if that is as good as fast, "none" if nobody knows.
OBJECTIVES = ""
LABEL_WITHOUT_SPANS = "none"

# Our own topics.
LOG_TOPIC = "pg-streaming-samples"
PREDICTIONS_TOPIC = "pg-streaming-predictions"
DEAD_LETTERS_TOPIC = "pg-streaming-dead-letters"
STATE_TOPIC = "pg-streaming-state"
PROGRESS_TOPIC = "pg-streaming-progress"

# Name of the consumer group. Workers with the same name share the partitions.
APPLICATION_ID = "pg-streaming-machine-learning"

# Partitions of the log, and so the number of models, each for its share of the hosts.
LOG_PARTITIONS = 1

# Make our own topics if they are missing, with so many copies of each record.
TOPICS_CREATE = True
REPLICATION_FACTOR = 1

# Register the schema of the predictions; if not, it has to be registered already.
SCHEMAS_REGISTER = True

# How long a worker that died keeps its partitions. The broker has to allow it (group.min.session.timeout.ms).
SESSION_TIMEOUT_S = 6

# How long to wait at the start for Kafka, the input topic and the registry.
START_TIMEOUT_S = 60

# The windows as upstream makes them.
WINDOW_SIZE_S = 1800
WINDOW_HOP_S = 60

# How much longer than its end a window stays open, in event time. A minute is the hop: the partitions of the
# input may be one revision apart without anything coming late.
WINDOW_GRACE_S = 60

# After how long without a record an input partition no longer holds the others back.
IDLE_AFTER_S = 120

# How far a window may start, a reading or a span may lie ahead of its record's timestamp. What is beyond is
# refused.
MAX_AHEAD_S = 3600

# Key and value of an input record together; beyond, the record is refused.
MAX_RECORD_BYTES = 1_048_576

# Any river classifier, the arguments of its constructor, and the seed of its randomness.
MODEL = "pg_streaming_machine_learning.learning.forest.AdaptiveRandomForestClassifier"
MODEL_PARAMETERS: dict[str, object] = {}
SEED = 1

# Predictions are marked as warming up until so many labeled samples were learned, of both classes.
WARM_UP_SAMPLES = 50

# From which probability on a bottleneck is predicted.
DECISION_THRESHOLD = 0.5

# Whether the model may tell hosts apart by name. If so, it knows nothing of a new host.
HOST_AS_FEATURE = False

# When a snapshot of the state is taken: after so many updates or seconds, or when reading the log again from
# the last one would take five seconds, whichever comes first; and how large one may be.
SNAPSHOT_EVERY_UPDATES = 10_000
SNAPSHOT_EVERY_S = 60
SNAPSHOT_MAX_BYTES = 268_435_456

# What snapshots are signed with, the same for all workers; best given in the environment. Without it, workers
# on one machine share a key they make themselves. Whether a snapshot without signature may be used.
SNAPSHOT_KEY = ""
SNAPSHOT_UNSIGNED = False

# Go on with an empty model if there is neither a usable snapshot nor the beginning of the log.
ALLOW_COLD_START = False

# Go on behind records that Kafka deleted before they were read.
ALLOW_HOLES = False

# Check what Kafka delivers by its checksums. The embedded broker of the demo spoils those of transactions.
CHECK_CRCS = True

# The process ends if its event loop or its heartbeat stands still for so long.
STUCK_AFTER_S = 60

# A web server that answers /live and /ready: for health checks.
WEB_ENABLED = False
WEB_PORT = 6066
WEB_BIND = "127.0.0.1"
