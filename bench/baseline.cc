// The tuned baseline: one topic of JSON line items -> Parquet files, the way a good engineer writes it
// with librdkafka, simdjson and Arrow. Reads every partition from its log start to the high watermark
// that it had at the start; prints one line of numbers.
#include <arrow/api.h>
#include <arrow/buffer_builder.h>
#include <arrow/io/file.h>
#include <arrow/util/key_value_metadata.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using simdjson::SIMDJSON_PADDING;
namespace ondemand = simdjson::ondemand;

[[noreturn]] static void Die(const std::string& what) {
  std::fprintf(stderr, "baseline: %s\n", what.c_str());
  std::exit(1);
}
static void Ok(const arrow::Status& s) {
  if (!s.ok()) Die(s.ToString());
}
template <class T>
static T Ok(arrow::Result<T> r) {
  Ok(r.status());
  return std::move(r).ValueUnsafe();
}
static double Wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
static double Cpu(int who = RUSAGE_SELF) {
  rusage r;
  getrusage(who, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + 1e-6 * (r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

struct Options {
  std::string bootstrap = "127.0.0.1:9092", topic = "lineitem", out = "out";
  std::string codec = "zstd";      // zstd (level 1), snappy, lz4, none
  std::string encoding = "delta";  // dictionary: Arrow's default; mixed: delta and plain for the unique
                                   // columns; delta: for all integers
  std::string api = "batch";       // batch: consume_batch_queue; callback: consume_callback_queue; poll:
                                   // consumer_poll per record
  std::string sink =
      "parquet";          // parquet; columns: stop after the builders; json: stop after decode; null: drain
  bool tuned = true;      // dictionaries prepared, free padding
  bool sync = true;       // fdatasync before rename
  bool positions = true;  // the columns _partition, _offset and _timestamp too, as Sluice writes them
  int64_t batch_rows = 32768, group_rows = 1048576, file_rows = 4194304, page_rows = 131072;
  std::string price = "dictionary";
  std::map<std::string, std::string> kafka{{"check.crcs", "true"},
                                           {"enable.auto.commit", "false"},
                                           {"fetch.queue.backoff.ms", "5"},
                                           {"fetch.message.max.bytes", "524288"},
                                           {"fetch.max.bytes", "67108864"},
                                           {"queued.max.messages.kbytes", "4096"},
                                           {"queued.min.messages", "1000000"},
                                           {"group.id", "baseline"}};
};

// Days since 1970-01-01 of "YYYY-MM-DD".
static int32_t Days(std::string_view s) {
  if (s.size() != 10) Die("bad date " + std::string(s));
  auto d = [&](int i) { return s[i] - '0'; };
  int y = d(0) * 1000 + d(1) * 100 + d(2) * 10 + d(3), m = d(5) * 10 + d(6), dd = d(8) * 10 + d(9);
  y -= m <= 2;
  int era = y / 400;
  unsigned yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + dd - 1;
  return era * 146097 + static_cast<int>(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

// A column of few distinct strings: indices into a dictionary that outlives the batches.
class Words {
 public:
  Words() : table_(4096, Entry{0, -1}) {}
  void Append(std::string_view s) {
    uint64_t h = s.size() * 0x9E3779B97F4A7C15ull;
    const char* p = s.data();
    size_t n = s.size();
    for (; n >= 8; p += 8, n -= 8) {
      uint64_t x;
      std::memcpy(&x, p, 8);
      h = (h ^ x) * 0xff51afd7ed558ccdull;
      h ^= h >> 32;
    }
    uint64_t x = 0;
    std::memcpy(&x, p, n);
    h = (h ^ x) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
    h |= 1;
    size_t i = h & 4095;
    for (; table_[i].id >= 0; i = (i + 1) & 4095)
      if (table_[i].hash == h && words_[table_[i].id] == s) {
        index_.UnsafeAppend(table_[i].id);
        return;
      }
    if (words_.size() >= 2048) Die("too many distinct words");
    table_[i] = {h, static_cast<int32_t>(words_.size())};
    index_.UnsafeAppend(table_[i].id);
    words_.emplace_back(s);
    grown_ = true;
  }
  void Reserve(int64_t n) { Ok(index_.Reserve(n)); }
  std::shared_ptr<arrow::Array> Finish() {
    if (grown_) {
      arrow::StringBuilder b;
      Ok(b.AppendValues(words_));
      dictionary_ = Ok(b.Finish());
      grown_ = false;
    }
    const int64_t n = index_.length();
    auto indices = std::make_shared<arrow::Int32Array>(n, Ok(index_.Finish(false)));
    return std::make_shared<arrow::DictionaryArray>(Type(), indices, dictionary_);
  }
  static std::shared_ptr<arrow::DataType> Type() { return arrow::dictionary(arrow::int32(), arrow::utf8()); }

 private:
  struct Entry {
    uint64_t hash;
    int32_t id;
  };
  std::vector<Entry> table_;
  std::vector<std::string> words_;
  arrow::TypedBufferBuilder<int32_t> index_;
  std::shared_ptr<arrow::Array> dictionary_;
  bool grown_ = false;
};

// The 16 columns of a batch, and the three of the record's position.
class Columns {
 public:
  Columns(bool tuned, bool positions, int64_t rows) : tuned_(tuned), positions_(positions), rows_(rows) {
    Reserve();
  }
  int64_t size() const { return size_; }

  void Append(ondemand::object o) {
    for (int i = 0; i < 4; i++) long_[i].UnsafeAppend(int64_t{o[kLong[i]].get_int64()});
    quantity_.UnsafeAppend(static_cast<int32_t>(int64_t{o["l_quantity"].get_int64()}));
    for (int i = 0; i < 3; i++) double_[i].UnsafeAppend(double{o[kDouble[i]].get_double()});
    Word(0, o["l_returnflag"].get_string());
    Word(1, o["l_linestatus"].get_string());
    for (int i = 0; i < 3; i++) date_[i].UnsafeAppend(Days(o[kDate[i]].get_string()));
    Word(2, o["l_shipinstruct"].get_string());
    Word(3, o["l_shipmode"].get_string());
    std::string_view comment = o["l_comment"].get_string();
    Ok(comment_.Append(comment));
    size_++;
  }
  // The position of the record just appended.
  void AppendPosition(const rd_kafka_message_t* m) {
    if (!positions_) return;
    partition_.UnsafeAppend(m->partition);
    offset_.UnsafeAppend(m->offset);
    timestamp_.UnsafeAppend(rd_kafka_message_timestamp(m, nullptr));
  }

  std::shared_ptr<arrow::RecordBatch> Finish() {
    std::vector<std::shared_ptr<arrow::Array>> a;
    auto fixed = [&](auto& buffer, std::shared_ptr<arrow::DataType> type) {
      a.push_back(
          arrow::MakeArray(arrow::ArrayData::Make(type, size_, {nullptr, Ok(buffer.Finish(false))}, 0)));
    };
    for (auto& b : long_) fixed(b, arrow::int64());
    fixed(quantity_, arrow::int32());
    for (auto& b : double_) fixed(b, arrow::float64());
    for (int i = 0; i < 4; i++) a.push_back(tuned_ ? words_[i].Finish() : Ok(strings_[i].Finish()));
    for (auto& b : date_) fixed(b, arrow::date32());
    a.push_back(Ok(comment_.Finish()));
    if (positions_) {
      fixed(partition_, arrow::int32());
      fixed(offset_, arrow::int64());
      fixed(timestamp_, arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"));
    }
    auto batch = arrow::RecordBatch::Make(Schema(), size_, std::move(a));
    size_ = 0;
    Reserve();
    return batch;
  }

  std::shared_ptr<arrow::Schema> Schema() const {
    using arrow::field;
    auto word = tuned_ ? Words::Type() : arrow::utf8();
    arrow::FieldVector f;
    for (auto n : kLong) f.push_back(field(n, arrow::int64()));
    f.push_back(field("l_quantity", arrow::int32()));
    for (auto n : kDouble) f.push_back(field(n, arrow::float64()));
    for (auto n : kWord) f.push_back(field(n, word));
    for (auto n : kDate) f.push_back(field(n, arrow::date32()));
    f.push_back(field("l_comment", arrow::utf8()));
    if (positions_) {
      f.push_back(field("_partition", arrow::int32(), false));
      f.push_back(field("_offset", arrow::int64(), false));
      f.push_back(field("_timestamp", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), false));
    }
    return arrow::schema(f);
  }

 private:
  static constexpr const char* kLong[] = {"l_orderkey", "l_partkey", "l_suppkey", "l_linenumber"};
  static constexpr const char* kDouble[] = {"l_extendedprice", "l_discount", "l_tax"};
  static constexpr const char* kWord[] = {"l_returnflag", "l_linestatus", "l_shipinstruct", "l_shipmode"};
  static constexpr const char* kDate[] = {"l_shipdate", "l_commitdate", "l_receiptdate"};

  void Word(int i, std::string_view s) {
    if (tuned_)
      words_[i].Append(s);
    else
      Ok(strings_[i].Append(s));
  }
  void Reserve() {
    for (auto& b : long_) Ok(b.Reserve(rows_));
    Ok(quantity_.Reserve(rows_));
    for (auto& b : double_) Ok(b.Reserve(rows_));
    for (auto& b : date_) Ok(b.Reserve(rows_));
    for (auto& b : words_) b.Reserve(rows_);
    if (positions_) {
      Ok(partition_.Reserve(rows_));
      Ok(offset_.Reserve(rows_));
      Ok(timestamp_.Reserve(rows_));
    }
    Ok(comment_.Reserve(rows_));
    Ok(comment_.ReserveData(rows_ * 32));
  }
  bool tuned_, positions_;
  int64_t rows_, size_ = 0;
  arrow::TypedBufferBuilder<int32_t> partition_;
  arrow::TypedBufferBuilder<int64_t> offset_, timestamp_;
  arrow::TypedBufferBuilder<int64_t> long_[4];
  arrow::TypedBufferBuilder<int32_t> quantity_, date_[3];
  arrow::TypedBufferBuilder<double> double_[3];
  Words words_[4];
  arrow::StringBuilder strings_[4];
  arrow::StringBuilder comment_;
};

// Parquet files of at most file_rows rows, each renamed into place when it is complete.
class Lake {
 public:
  Lake(const Options& o, std::shared_ptr<arrow::Schema> schema) : o_(o), schema_(std::move(schema)) {
    std::filesystem::create_directories(o.out);
    parquet::WriterProperties::Builder b;
    b.max_row_group_length(o.group_rows)
        ->max_rows_per_page(o.page_rows)
        ->write_batch_size(o.page_rows > 20000 ? 8192 : 1024)
        ->version(parquet::ParquetVersion::PARQUET_2_6);
    if (o.codec == "zstd")
      b.compression(parquet::Compression::ZSTD)->compression_level(1);
    else if (o.codec == "snappy")
      b.compression(parquet::Compression::SNAPPY);
    else if (o.codec == "lz4")
      b.compression(parquet::Compression::LZ4);
    else
      b.compression(parquet::Compression::UNCOMPRESSED);
    auto encode = [&](const char* column, parquet::Encoding::type e) {
      b.disable_dictionary(column)->encoding(column, e);
    };
    if (o.encoding != "dictionary") {
      for (auto c : {"l_orderkey", "l_partkey", "l_suppkey"})
        encode(c, parquet::Encoding::DELTA_BINARY_PACKED);
      encode("l_comment", parquet::Encoding::PLAIN);
    }
    if (o.price == "plain") encode("l_extendedprice", parquet::Encoding::PLAIN);
    if (o.price == "split") encode("l_extendedprice", parquet::Encoding::BYTE_STREAM_SPLIT);
    if (o.encoding == "delta") {
      for (auto c : {"l_linenumber", "l_quantity", "l_shipdate", "l_commitdate", "l_receiptdate"})
        encode(c, parquet::Encoding::DELTA_BINARY_PACKED);
      if (o.positions)
        for (auto c : {"_partition", "_offset", "_timestamp"})
          encode(c, parquet::Encoding::DELTA_BINARY_PACKED);
    }
    properties_ = b.build();
  }
  void Write(const arrow::RecordBatch& batch) {
    if (!writer_) Open();
    Ok(writer_->WriteRecordBatch(batch));
    rows_ += batch.num_rows();
    if (rows_ >= o_.file_rows) Close();
  }
  void Close() {
    if (!writer_) return;
    Ok(writer_->AddKeyValueMetadata(arrow::key_value_metadata({"rows"}, {std::to_string(rows_)})));
    Ok(writer_->Close());
    bytes_ += Ok(file_->Tell());
    if (o_.sync && fdatasync(file_->file_descriptor())) Die("fdatasync");
    Ok(file_->Close());
    std::filesystem::rename(Name() + ".tmp", Name());
    writer_.reset();
    files_++;
    rows_ = 0;
  }
  int64_t bytes() const { return bytes_; }
  int64_t files() const { return files_; }

 private:
  std::string Name() const { return o_.out + "/part-" + std::to_string(files_) + ".parquet"; }
  void Open() {
    file_ = Ok(arrow::io::FileOutputStream::Open(Name() + ".tmp"));
    parquet::ArrowWriterProperties::Builder a;
    writer_ = Ok(parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), file_, properties_,
                                                  a.build()));
  }
  const Options& o_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<parquet::WriterProperties> properties_;
  std::shared_ptr<arrow::io::FileOutputStream> file_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  int64_t rows_ = 0, bytes_ = 0, files_ = 0;
};

class Ingest {
 public:
  explicit Ingest(const Options& o)
      : o_(o), columns_(o.tuned, o.positions, o.batch_rows), lake_(o, columns_.Schema()) {}

  void Row(const rd_kafka_message_t* m) {
    records_++;
    json_ += m->len;
    if (o_.sink == "null") return;
    const char* p = static_cast<const char*>(m->payload);
    // simdjson reads up to SIMDJSON_PADDING bytes past the end: free while they lie on the same page.
    const bool padded =
        o_.tuned && (reinterpret_cast<uintptr_t>(p + m->len - 1) & 4095) + SIMDJSON_PADDING < 4096;
    if (!padded) {
      copy_.resize(m->len + SIMDJSON_PADDING);
      std::memcpy(copy_.data(), p, m->len);
      p = copy_.data();
    }
    ondemand::document d;
    if (parser_.iterate(p, m->len, m->len + SIMDJSON_PADDING).get(d)) Die("not JSON");
    if (o_.sink == "json") {
      ondemand::object o = d.get_object();
      for (auto f : o) fields_ += !f.error();
      return;
    }
    columns_.Append(d.get_object());
    columns_.AppendPosition(m);
    if (columns_.size() == o_.batch_rows) Flush();
  }
  void Flush() {
    if (!columns_.size()) return;
    auto batch = columns_.Finish();
    if (o_.sink == "parquet") lake_.Write(*batch);
  }
  void Close() {
    Flush();
    lake_.Close();
  }
  int64_t records() const { return records_; }
  int64_t json() const { return json_; }
  const Lake& lake() const { return lake_; }

 private:
  const Options& o_;
  Columns columns_;
  Lake lake_;
  ondemand::parser parser_;
  std::vector<char> copy_;
  int64_t records_ = 0, json_ = 0, fields_ = 0;
};

struct Partition {
  int64_t next = 0, end = 0;
};

static std::vector<Partition> Watermarks(rd_kafka_t* rk, const std::string& topic) {
  const struct rd_kafka_metadata* md;
  rd_kafka_topic_t* t = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
  if (auto e = rd_kafka_metadata(rk, 0, t, &md, 10000)) Die(rd_kafka_err2str(e));
  std::vector<Partition> ps(md->topics[0].partition_cnt);
  for (size_t i = 0; i < ps.size(); i++)
    if (auto e = rd_kafka_query_watermark_offsets(rk, topic.c_str(), i, &ps[i].next, &ps[i].end, 10000))
      Die(rd_kafka_err2str(e));
  rd_kafka_metadata_destroy(md);
  rd_kafka_topic_destroy(t);
  return ps;
}

static rd_kafka_t* Consumer(const Options& o) {
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  auto set = [&](const std::string& k, const std::string& v) {
    if (rd_kafka_conf_set(conf, k.c_str(), v.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) Die(error);
  };
  set("bootstrap.servers", o.bootstrap);
  for (auto& [k, v] : o.kafka) set(k, v);
  rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
  if (!rk) Die(error);
  rd_kafka_poll_set_consumer(rk);
  return rk;
}

// Assigns every partition that holds something; returns how many.
static int64_t Assign(rd_kafka_t* rk, const std::string& topic, const std::vector<Partition>& partitions) {
  auto* list = rd_kafka_topic_partition_list_new(partitions.size());
  int64_t open = 0;
  for (size_t i = 0; i < partitions.size(); i++)
    if (partitions[i].next < partitions[i].end) {
      rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = partitions[i].next;
      open++;
    }
  if (auto e = rd_kafka_assign(rk, list)) Die(rd_kafka_err2str(e));
  return open;
}

// Calls take(message) until it has closed the last partition.
template <class Take>
static void Drain(const Options& o, rd_kafka_t* rk, const int64_t& open, Take& take) {
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(rk);
  std::vector<rd_kafka_message_t*> messages(4096);
  while (open) {
    if (o.api == "poll") {
      if (auto* m = rd_kafka_consumer_poll(rk, 100)) take(m);
    } else if (o.api == "callback") {
      rd_kafka_consume_callback_queue(
          queue, 100, [](rd_kafka_message_t* m, void* f) { (*static_cast<Take*>(f))(m); }, &take);
    } else {
      ssize_t n = rd_kafka_consume_batch_queue(queue, 100, messages.data(), messages.size());
      for (ssize_t i = 0; i < n; i++) take(messages[i]);
    }
  }
}

static void Run(const Options& o) {
  const double wall = Wall(), cpu = Cpu();
  rd_kafka_t* rk = Consumer(o);
  auto partitions = Watermarks(rk, o.topic);
  int64_t open = Assign(rk, o.topic, partitions);
  Ingest ingest(o);
  auto take = [&](rd_kafka_message_t* m) {
    if (m->err) {
      if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) Die(rd_kafka_message_errstr(m));
    } else {
      auto& p = partitions[m->partition];
      if (m->offset < p.end) {
        if (m->offset != p.next) Die("gap at " + std::to_string(m->partition) + ":" + std::to_string(p.next));
        ingest.Row(m);
        if ((p.next = m->offset + 1) == p.end) open--;
      }
    }
    if (o.api != "callback") rd_kafka_message_destroy(m);
  };
  Drain(o, rk, open, take);
  ingest.Close();
  const double w = Wall() - wall, c = Cpu() - cpu, app = Cpu(RUSAGE_THREAD);
  rusage r;
  getrusage(RUSAGE_SELF, &r);
  std::printf("records %" PRId64 " wall %.3f s cpu %.3f s (app thread %.3f) rss %ld MiB json %" PRId64
              " B parquet %" PRId64 " B in %" PRId64 " files | %.3f M rec/cpu-s, %.0f ns/rec, %.3f M rec/s\n",
              ingest.records(), w, c, app, r.ru_maxrss / 1024, ingest.json(), ingest.lake().bytes(),
              ingest.lake().files(), ingest.records() / c / 1e6, c / ingest.records() * 1e9,
              ingest.records() / w / 1e6);
  std::fflush(stdout);
  _exit(0);
}

int main(int argc, char** argv) {
  Options o;
  auto want = [&](std::string_view a, const char* name, auto& to) {
    if (!a.starts_with(name)) return false;
    a.remove_prefix(std::strlen(name));
    if constexpr (std::is_same_v<std::decay_t<decltype(to)>, std::string>)
      to = a;
    else
      to = std::strtoll(a.data(), nullptr, 10);
    return true;
  };
  for (int i = 1; i < argc; i++) {
    std::string_view a = argv[i];
    if (want(a, "--bootstrap=", o.bootstrap) || want(a, "--topic=", o.topic) || want(a, "--out=", o.out) ||
        want(a, "--codec=", o.codec) || want(a, "--encoding=", o.encoding) || want(a, "--api=", o.api) ||
        want(a, "--sink=", o.sink) || want(a, "--tuned=", o.tuned) || want(a, "--sync=", o.sync) ||
        want(a, "--batch-rows=", o.batch_rows) || want(a, "--group-rows=", o.group_rows) ||
        want(a, "--file-rows=", o.file_rows) || want(a, "--page-rows=", o.page_rows) ||
        want(a, "--price=", o.price) || want(a, "--positions=", o.positions))
      continue;
    auto eq = a.find('=');
    if (a.starts_with("--") || eq == a.npos)
      Die("usage: baseline [--OPTION=VALUE]... [librdkafka.property=VALUE]...");
    o.kafka[std::string(a.substr(0, eq))] = a.substr(eq + 1);
  }
  Run(o);
}
