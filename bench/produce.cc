// Writes N JSON line items (the generator of the microbenchmarks: 16 columns, about 361 bytes) into a topic.
// produce BOOTSTRAP TOPIC N [--partitions=4] [--codec=lz4] [--batch-records=2000]
// [librdkafka.property=VALUE]...
// produce --lines FILE N: the same line items, one a line, for another program to send
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

[[noreturn]] static void Die(const char* what) {
  std::fprintf(stderr, "produce: %s\n", what);
  std::exit(1);
}
static const char* SM[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
static const char* SI[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"};
static const char* W[] = {"furiously", "quickly",  "carefully",    "blithely",    "slyly",       "final",
                          "express",   "ironic",   "regular",      "special",     "pending",     "bold",
                          "deposits",  "requests", "packages",     "accounts",    "theodolites", "foxes",
                          "pinto",     "beans",    "instructions", "dependencies"};
struct Gen {
  std::mt19937_64 r{42};
  uint64_t ok = 1;
  int ln = 0, lmax = 4;
  std::string date(int d) {
    int y = 1992 + d / 360, m = (d % 360) / 30 + 1,
        dd = d % 30 < 28 ? d % 30 + 1 : 28;  // a date of every calendar
    char b[32];
    snprintf(b, 32, "%04d-%02d-%02d", y, m, dd);
    return b;
  }
  size_t lineitem(char* b, size_t n) {
    if (++ln > lmax) {
      ln = 1;
      lmax = 1 + r() % 7;
      ok += 1 + r() % 5;
    }
    int q = 1 + r() % 50;
    uint64_t pk = 1 + r() % 200000;
    double ep = q * (900 + (pk % 1000) + 0.01 * (pk % 100));
    int sd = r() % 2500;
    std::string c;
    int nw = 2 + r() % 4;
    for (int i = 0; i < nw; i++) {
      if (i) c += ' ';
      c += W[r() % 22];
    }
    int di = r() % 11, ta = r() % 9;
    char rf = "ANR"[r() % 3], ls = "OF"[r() % 2];
    int cd = sd + (int)(r() % 60), rd = sd + 1 + (int)(r() % 30);
    const char *si = SI[r() % 4], *sm = SM[r() % 7];
    return snprintf(
        b, n,
        "{\"l_orderkey\":%lu,\"l_partkey\":%lu,\"l_suppkey\":%lu,\"l_linenumber\":%d,\"l_quantity\":%d,"
        "\"l_extendedprice\":%.2f,\"l_discount\":0.%02d,\"l_tax\":0.%02d,\"l_returnflag\":\"%c\","
        "\"l_linestatus\":\"%c\",\"l_shipdate\":\"%s\",\"l_commitdate\":\"%s\",\"l_receiptdate\":\"%s\","
        "\"l_shipinstruct\":\"%s\",\"l_shipmode\":\"%s\",\"l_comment\":\"%s\"}",
        ok, pk, 1 + pk % 10000, ln, q, ep, di, ta, rf, ls, date(sd).c_str(), date(cd).c_str(),
        date(rd).c_str(), si, sm, c.c_str());
  }
};
static std::atomic<int64_t> acked{0}, failed{0};
static void Delivered(rd_kafka_t*, const rd_kafka_message_t* m, void*) {
  (m->err ? failed : acked)++;
}

static void CreateTopic(rd_kafka_t* rk, const char* topic, int partitions) {
  char e[512];
  auto* t = rd_kafka_NewTopic_new(topic, partitions, 1, e, sizeof e);
  if (!t) Die(e);
  auto* q = rd_kafka_queue_new(rk);
  rd_kafka_CreateTopics(rk, &t, 1, nullptr, q);
  auto* ev = rd_kafka_queue_poll(q, 30000);
  if (!ev || rd_kafka_event_error(ev)) Die(ev ? rd_kafka_event_error_string(ev) : "create topic: no answer");
  size_t n;
  auto** rs = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
  auto err = rd_kafka_topic_result_error(rs[0]);
  if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) Die(rd_kafka_err2str(err));
  rd_kafka_event_destroy(ev);
  rd_kafka_queue_destroy(q);
}

struct Options {
  int partitions = 4, batch = 2000;
  std::string codec = "lz4";
};

// A producer with these options and librdkafka's properties.
static rd_kafka_t* Producer(const char* bootstrap, int count, char** arguments, Options& o) {
  char e[512];
  auto* cf = rd_kafka_conf_new();
  auto set = [&](const char* k, const char* v) {
    if (rd_kafka_conf_set(cf, k, v, e, sizeof e) != RD_KAFKA_CONF_OK) Die(e);
  };
  set("bootstrap.servers", bootstrap);
  set("linger.ms", "1000");
  set("queue.buffering.max.messages", "400000");
  set("queue.buffering.max.kbytes", "1048576");
  set("batch.size", "2000000");
  set("message.max.bytes", "10000000");
  set("enable.idempotence", "true");
  for (int i = 0; i < count; i++) {
    std::string a = arguments[i];
    auto eq = a.find('=');
    std::string k = a.substr(0, eq), v = eq == a.npos ? "" : a.substr(eq + 1);
    if (k == "--partitions")
      o.partitions = atoi(v.c_str());
    else if (k == "--codec")
      o.codec = v;
    else if (k == "--batch-records")
      o.batch = atoi(v.c_str());
    else
      set(k.c_str(), v.c_str());
  }
  set("compression.codec", o.codec.c_str());
  set("batch.num.messages", std::to_string(o.batch).c_str());
  rd_kafka_conf_set_dr_msg_cb(cf, Delivered);
  auto* rk = rd_kafka_new(RD_KAFKA_PRODUCER, cf, e, sizeof e);
  if (!rk) Die(e);
  return rk;
}

static int WriteLines(const char* path, int64_t total) {
  FILE* file = std::fopen(path, "w");
  if (!file) Die("the file of lines cannot be made");
  Gen g;
  char b[1024];
  int64_t bytes = 0;
  for (int64_t i = 0; i < total; i++) {
    const size_t n = g.lineitem(b, sizeof b);
    bytes += n;
    if (std::fwrite(b, 1, n, file) != n || std::fputc('\n', file) == EOF)
      Die("the file of lines is not whole");
  }
  if (std::fclose(file)) Die("the file of lines is not whole");
  std::printf("lines %" PRId64 " json %" PRId64 " B\n", total, bytes);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) Die("usage: produce BOOTSTRAP TOPIC N [--OPTION=VALUE]... | produce --lines FILE N");
  if (!std::strcmp(argv[1], "--lines")) return WriteLines(argv[2], strtoll(argv[3], nullptr, 10));
  Options o;
  const int64_t total = strtoll(argv[3], nullptr, 10);
  auto* rk = Producer(argv[1], argc - 4, argv + 4, o);
  CreateTopic(rk, argv[2], o.partitions);
  auto* t = rd_kafka_topic_new(rk, argv[2], nullptr);
  Gen g;
  char b[1024];
  int64_t bytes = 0;
  auto t0 = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < total; i++) {
    size_t n = g.lineitem(b, sizeof b);
    bytes += n;
    while (rd_kafka_produce(t, g.ok % o.partitions, RD_KAFKA_MSG_F_COPY, b, n, nullptr, 0, nullptr)) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        Die(rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(rk, 10);
    }
    if (i % 1024 == 0) rd_kafka_poll(rk, 0);
  }
  rd_kafka_flush(rk, 120000);
  double w = std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count();
  std::printf("records %" PRId64 " acked %" PRId64 " failed %" PRId64 " json %" PRId64
              " B (%.1f B/rec) in %.1f s\n",
              total, acked.load(), failed.load(), bytes, (double)bytes / total, w);
  return failed != 0 || acked != total;
}
