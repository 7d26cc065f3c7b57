// Transactions in one log: markers, the last stable offset, aborted transactions, and all of it after
// restarts.
#include "log/transactions.h"

#include "log/log_fixture.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

using Kind = record::ControlMarker::Kind;
namespace kafka_error = record::kafka_error;

Bytes txn_batch(std::int64_t producer, int epoch, std::int32_t sequence, int count = 1) {
  record::BatchBuilder builder;
  builder.set_producer(ProducerId{producer}, ProducerEpoch{static_cast<std::int16_t>(epoch)}, sequence);
  builder.set_transactional(true);
  for (int i = 0; i < count; ++i) builder.add(now, std::nullopt, as_bytes(value_of(sequence + i)));
  return to_owned(*builder.finish());
}

class TransactionsTest : public LogTest {
 protected:
  /// The offset of the first of `count` records in a transaction of `producer`.
  std::int64_t write(std::int64_t producer, std::int32_t sequence, int count = 1, int epoch = 0) {
    const Result<Appended> appended = append(txn_batch(producer, epoch, sequence, count));
    EXPECT_TRUE(appended) << to_string(appended.error());
    return appended ? appended->range.begin.value : -1;
  }
  Result<Appended> mark(std::int64_t producer, Kind kind, int epoch = 0, int coordinator_epoch = 0,
                        int transaction_version = 0) {
    return log->append_marker(ProducerId{producer}, ProducerEpoch{static_cast<std::int16_t>(epoch)},
                              {kind, coordinator_epoch}, LeaderEpoch{0}, now, transaction_version);
  }
  std::int64_t end_with(std::int64_t producer, Kind kind) {
    const Result<Appended> appended = mark(producer, kind);
    EXPECT_TRUE(appended) << to_string(appended.error());
    return appended ? appended->range.begin.value : -1;
  }
  std::int64_t stable() const { return log->last_stable_offset().value; }
  std::vector<AbortedTransaction> aborted(std::int64_t begin, std::int64_t end) {
    const auto found = log->aborted_transactions({Offset{begin}, Offset{end}});
    EXPECT_TRUE(found) << to_string(found.error());
    return found.value_or(std::vector<AbortedTransaction>{});
  }
  static AbortedTransaction transaction(std::int64_t producer, std::int64_t first, std::int64_t last,
                                        std::int64_t stable) {
    return {ProducerId{producer}, Offset{first}, Offset{last}, Offset{stable}};
  }
  /// The names of the log's files that end so.
  std::vector<std::string> files(std::string_view suffix) {
    std::vector<std::string> names;
    const std::vector<env::DirEntry> entries = *fs.list(events_dir);
    for (const env::DirEntry& entry : entries) {
      if (entry.name.ends_with(suffix)) names.push_back(entry.name);
    }
    return names;
  }
  void remove_snapshots() {
    for (const std::string& name : files(".snapshot"))
      ASSERT_TRUE(fs.remove_file(env::join(events_dir, name)));
  }
  std::int16_t refusal(const Result<Appended>& result) { return result ? 0 : result.error().kafka_error; }
};

TEST_F(TransactionsTest, ATransactionHoldsTheLastStableOffsetBackUntilItsMarkerIsDurable) {
  create();
  fill(0, 3);
  EXPECT_EQ(stable(), 3);
  EXPECT_EQ(write(7, 0, 2), 3);
  EXPECT_EQ(stable(), 3);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 3) << "durable, but undecided";
  EXPECT_EQ(log->high_watermark(), Offset{5});
  EXPECT_EQ(end_with(7, Kind::commit), 5);
  EXPECT_EQ(stable(), 3) << "the marker is not visible yet";
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 6) << "a marker takes an offset";
}

TEST_F(TransactionsTest, TheEarliestOpenTransactionDecides) {
  create();
  write(1, 0);
  write(2, 0);
  write(1, 1);
  write(3, 0);
  end_with(1, Kind::abort);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 1);
  end_with(2, Kind::commit);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 3);
  end_with(3, Kind::commit);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 7);
}

TEST_F(TransactionsTest, AMarkerIsByteForByteWhatKafkaWrites) {
  // At the end of a segment that Apache Kafka 4.3.1 wrote: the abort of producer 0.
  const unsigned char kafkas[] = {0,    0,    0,    0,    0,    0,    0,    16,    // base offset
                                  0,    0,    0,    66,                            // length
                                  0,    0,    0,    0,                             // leader epoch
                                  2,                                               // magic
                                  0xdc, 0x16, 0xa7, 0x47,                          // CRC
                                  0,    0x30,                                      // transactional, control
                                  0,    0,    0,    0,                             // last offset delta
                                  0,    0,    0x01, 0xa2, 0x10, 0x16, 0x90, 0xbc,  // base timestamp
                                  0,    0,    0x01, 0xa2, 0x10, 0x16, 0x90, 0xbc,  // max timestamp
                                  0,    0,    0,    0,    0,    0,    0,    0,     // producer id
                                  0,    0,                                         // epoch
                                  0xff, 0xff, 0xff, 0xff,                          // sequence
                                  0,    0,    0,    1,                             // one record
                                  0x20, 0,    0,    0,                             // 16 bytes; deltas
                                  0x08, 0,    0,    0,    0,                       // key: version, ABORT
                                  0x0c, 0,    0,    0,    0,    0,    0,           // value: coordinator
                                  0};                                              // no headers
  create({.segment_ms_max = std::int64_t{1} << 50});
  fill(0, 16, 16);
  const std::size_t before = content("00000000000000000000.log").size();
  ASSERT_TRUE(
      log->append_marker(ProducerId{0}, ProducerEpoch{0}, {Kind::abort, 0}, LeaderEpoch{0}, 0x01a2101690bc));
  const Bytes bytes = content("00000000000000000000.log");
  EXPECT_EQ(as_text(BytesView{bytes}.subspan(before)),
            (std::string_view{reinterpret_cast<const char*>(kafkas), sizeof kafkas}));
}

TEST_F(TransactionsTest, AMarkerIsStampedWhereRecordsAre) {
  create({.log_append_time = true});
  ASSERT_TRUE(mark(7, Kind::abort));
  const Bytes bytes = content("00000000000000000000.log");
  const record::BatchView batch = *record::BatchView::parse(bytes);
  EXPECT_TRUE(batch.crc_ok());
  EXPECT_EQ(batch.attributes(), 0x38) << "as Kafka's where message.timestamp.type is LogAppendTime";
  EXPECT_EQ(batch.max_timestamp_ms(), now);
}

TEST_F(TransactionsTest, AMarkerNamesItsKindAndCoordinator) {
  create();
  ASSERT_TRUE(
      log->append_marker(ProducerId{1000}, ProducerEpoch{3}, {Kind::commit, 12}, LeaderEpoch{5}, now));
  const Bytes bytes = content("00000000000000000000.log");
  const record::BatchView batch = *record::BatchView::parse(bytes);
  EXPECT_TRUE(batch.crc_ok());
  EXPECT_EQ(batch.leader_epoch(), LeaderEpoch{5});
  const auto marker = *record::parse_control(batch);
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->kind, Kind::commit);
  EXPECT_EQ(marker->coordinator_epoch, 12);
}

TEST_F(TransactionsTest, AbortedTransactionsAreTheOnesThatOverlapTheRange) {
  create();
  write(1, 0, 2);             // 0, 1
  write(2, 0, 2);             // 2, 3
  end_with(1, Kind::abort);   // 4: [0, 4]
  write(3, 0);                // 5
  end_with(3, Kind::commit);  // 6
  end_with(2, Kind::abort);   // 7: [2, 7]
  write(1, 2);                // 8
  end_with(1, Kind::abort);   // 9: [8, 9]
  ASSERT_TRUE(log->sync());
  const auto first = transaction(1, 0, 4, 2);
  const auto second = transaction(2, 2, 7, 8);
  const auto third = transaction(1, 8, 9, 10);
  using All = std::vector<AbortedTransaction>;
  EXPECT_EQ(aborted(0, 10), (All{first, second, third}));
  EXPECT_EQ(aborted(0, 2), (All{first}));
  EXPECT_EQ(aborted(0, 3), (All{first, second}));
  EXPECT_EQ(aborted(4, 5), (All{first, second}));
  EXPECT_EQ(aborted(5, 8), (All{second}));
  EXPECT_EQ(aborted(8, 9), (All{third}));
  EXPECT_EQ(aborted(9, 10), (All{third}));
  EXPECT_EQ(aborted(3, 3), (All{}));
}

TEST_F(TransactionsTest, AbortedTransactionsAreFoundInWhicheverSegmentTheirMarkerLies) {
  create({.segment_bytes_max = 200});
  std::vector<AbortedTransaction> expected;
  write(9, 0);  // open over all that follow
  for (int i = 0; i < 20; ++i) {
    const std::int64_t first = write(1, i);
    fill(100 + i, 101 + i);
    expected.push_back(transaction(1, first, end_with(1, Kind::abort), 0));
  }
  expected.insert(expected.begin(), transaction(9, 0, end_with(9, Kind::abort), 0));
  expected.front().last_stable_offset = expected.front().last_offset + 1;
  ASSERT_TRUE(log->sync());
  ASSERT_GT(log->segments_count(), 10u);
  const std::int64_t end = log->high_watermark().value;
  const auto check = [&] {
    for (std::int64_t at = 0; at < end; ++at) {
      std::vector<AbortedTransaction> some;
      for (const auto& one : expected) {
        if (one.first_offset.value < at + 2 && one.last_offset.value >= at) some.push_back(one);
      }
      ASSERT_EQ(aborted(at, at + 2), some) << at;
    }
  };
  check();
  reopen();
  check();
  ASSERT_TRUE(log->close());
  reopen(true);
  check();
  EXPECT_EQ(log->recovery().bytes_scanned, 0u);
}

TEST_F(TransactionsTest, WhatIsNotTransactionalIsRefusedWhileATransactionIsOpen) {
  create();
  write(7, 0);
  EXPECT_EQ(refusal(append(batch_by(7, 0, 1, 1))), kafka_error::invalid_txn_state);
  EXPECT_TRUE(append(batch_by(8, 0, 0, 1))) << "another producer";
  end_with(7, Kind::commit);
  EXPECT_TRUE(append(batch_by(7, 0, 1, 1)));
}

TEST_F(TransactionsTest, AProducerGoesOnWithItsSequencesAfterAMarkerOfItsEpochAndBeginsAgainAfterARaisedOne) {
  create();
  write(7, 0, 3);
  end_with(7, Kind::commit);
  EXPECT_EQ(refusal(append(txn_batch(7, 0, 0, 2))), kafka_error::out_of_order_sequence_number);
  EXPECT_TRUE(append(txn_batch(7, 0, 0, 3))->duplicate);
  write(7, 3);
  ASSERT_TRUE(mark(7, Kind::abort, 1));
  EXPECT_EQ(refusal(append(txn_batch(7, 0, 4))), kafka_error::invalid_producer_epoch) << "fenced";
  EXPECT_EQ(refusal(append(txn_batch(7, 1, 4))), kafka_error::out_of_order_sequence_number);
  EXPECT_TRUE(append(txn_batch(7, 1, 0)));
}

TEST_F(TransactionsTest, MarkersOfOlderProducersAndCoordinatorsAreRefused) {
  create();
  write(7, 0, 1, 2);
  EXPECT_EQ(refusal(mark(7, Kind::abort, 1)), kafka_error::invalid_producer_epoch);
  ASSERT_TRUE(mark(7, Kind::abort, 2, 5));
  write(7, 1, 1, 2);
  EXPECT_EQ(refusal(mark(7, Kind::commit, 2, 4)), kafka_error::transaction_coordinator_fenced);
  EXPECT_TRUE(log->open_transaction(ProducerId{7}));
  EXPECT_TRUE(mark(7, Kind::commit, 2, 6));
  EXPECT_EQ(log->open_transaction(ProducerId{7}), std::nullopt);
}

TEST_F(TransactionsTest, UnderTransactionVersion2AMarkerMustRaiseTheEpochUnlessItIsSentAgain) {
  create();
  write(7, 0, 1, 2);
  EXPECT_EQ(refusal(mark(7, Kind::commit, 2, 0, 2)), kafka_error::invalid_producer_epoch) << "late";
  ASSERT_TRUE(mark(7, Kind::commit, 3, 0, 2));
  ASSERT_TRUE(mark(7, Kind::commit, 3, 0, 2)) << "sent again";
  write(7, 0, 1, 3);
  EXPECT_EQ(refusal(mark(7, Kind::commit, 3, 0, 2)), kafka_error::invalid_producer_epoch)
      << "again, when the next transaction is open: it would end that";
  write(8, 0, 1, 32767);
  EXPECT_TRUE(mark(8, Kind::abort, 32767, 0, 2)) << "there is no epoch above it";
}

TEST_F(TransactionsTest, AnUnknownProducerBeginsAnywhereExceptUnderTransactionVersion2) {
  create();
  Bytes batch = txn_batch(7, 0, 5);
  EXPECT_EQ(refusal(log->append(batch, LeaderEpoch{0}, now, Origin::client_v2)),
            kafka_error::out_of_order_sequence_number);
  EXPECT_TRUE(log->append(batch, LeaderEpoch{0}, now, Origin::client));
}

TEST_F(TransactionsTest, TheGroupCoordinatorCountsNoSequencesButIsFencedByEpochs) {
  create();
  for (int i = 0; i < 2; ++i) {
    Bytes batch = txn_batch(7, 1, 0);
    const auto appended = log->append(batch, LeaderEpoch{0}, now, Origin::coordinator);
    ASSERT_TRUE(appended) << to_string(appended.error());
    EXPECT_FALSE(appended->duplicate);
  }
  Bytes old = txn_batch(7, 0, 0);
  EXPECT_EQ(refusal(log->append(old, LeaderEpoch{0}, now, Origin::coordinator)),
            kafka_error::invalid_producer_epoch);
}

TEST_F(TransactionsTest, AMarkerWithoutATransactionHereOnlyRaisesEpochs) {
  create();
  EXPECT_EQ(end_with(7, Kind::abort), 0);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 1);
  EXPECT_TRUE(aborted(0, 1).empty());
  EXPECT_EQ(log->producers(),
            (std::vector<ProducerView>{{ProducerId{7}, ProducerEpoch{0}, -1, now, 0, std::nullopt}}));
}

TEST_F(TransactionsTest, ControlBatchesOfOthersAreRefused) {
  create();
  record::BatchBuilder builder;
  builder.set_producer(ProducerId{7}, ProducerEpoch{0}, -1);
  EXPECT_EQ(refusal(append(to_owned(*builder.finish_control({}, now, Offset{0})))),
            kafka_error::invalid_record);
  EXPECT_EQ(log->log_end_offset(), Offset{0});
}

TEST_F(TransactionsTest, ProducersAreShownAsDescribeProducersAsks) {
  create();
  write(9, 0, 4, 2);
  ASSERT_TRUE(append(batch_by(3, 1, 0, 0, 2), 0, now + 5));
  write(5, 0);
  ASSERT_TRUE(mark(5, Kind::commit, 0, 17));
  const std::vector<ProducerView> expected{{ProducerId{3}, ProducerEpoch{1}, 1, now + 5, -1, std::nullopt},
                                           {ProducerId{5}, ProducerEpoch{0}, 0, now, 17, std::nullopt},
                                           {ProducerId{9}, ProducerEpoch{2}, 3, now, -1, Offset{0}}};
  EXPECT_EQ(log->producers(), expected);
  EXPECT_EQ(log->open_transaction(ProducerId{9}), (OpenTransaction{ProducerEpoch{2}, Offset{0}}));
  ASSERT_TRUE(log->close());
  reopen(true);
  EXPECT_EQ(log->producers(), expected);
}

TEST_F(TransactionsTest, TheLastStableOffsetIsRightAtOnceAfterEveryKindOfRestart) {
  create({.segment_bytes_max = 300});
  write(1, 0);
  end_with(1, Kind::commit);
  const std::int64_t first = write(2, 0);
  for (int i = 0; i < 12; ++i) {
    write(3, i);
    end_with(3, i % 2 == 0 ? Kind::commit : Kind::abort);
  }
  ASSERT_TRUE(log->sync());
  ASSERT_GT(log->segments_count(), 3u);
  const auto all = aborted(0, log->high_watermark().value);
  ASSERT_EQ(all.size(), 6u);
  const auto check = [&](const char* kind) {
    EXPECT_EQ(stable(), first) << kind;
    EXPECT_EQ(log->open_transaction(ProducerId{2}), (OpenTransaction{ProducerEpoch{0}, Offset{first}}))
        << kind;
    EXPECT_EQ(aborted(0, log->high_watermark().value), all) << kind;
  };
  fs.restart(sim::Crash::all_lost);
  reopen();
  check("power cut");
  ASSERT_TRUE(log->close());
  reopen(true);
  check("clean");
  remove_snapshots();
  reopen(true);
  check("no snapshots");
  ASSERT_TRUE(mark(2, Kind::abort));
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), log->high_watermark().value);
}

TEST_F(TransactionsTest, WhatTheJournalAloneHasIsDecidedAndComesBackUndecidedWhereItWas) {
  create({.unjournaled_bytes_max = 4096});
  write(1, 0, 2);
  write(2, 0);
  end_with(1, Kind::abort);
  const Bytes batches = to_owned(log->unjournaled());
  log->drop_unjournaled();
  EXPECT_EQ(stable(), 0);
  ASSERT_TRUE(*log->note_journaled(log->log_end_offset()));
  const auto check = [&] {
    EXPECT_EQ(log->high_watermark(), Offset{4});
    EXPECT_EQ(stable(), 2);
    EXPECT_EQ(aborted(0, 4), (std::vector<AbortedTransaction>{transaction(1, 0, 3, 2)}));
  };
  check();
  fs.restart(sim::Crash::all_lost);
  reopen();
  ASSERT_EQ(log->log_end_offset(), Offset{0}) << "the segments have nothing of it";
  BytesView rest{batches};
  while (const auto batch = *record::next_batch(rest))
    ASSERT_TRUE(*log->append_replayed(batch->bytes(), now));
  ASSERT_TRUE(log->sync());
  check();
}

TEST_F(TransactionsTest, ATransactionWhoseBeginningIsDeletedHoldsTheStartOfTheLogBack) {
  create({.segment_bytes_max = 300});
  write(2, 0);
  fill(0, 12);
  ASSERT_TRUE(log->advance_log_start(Offset{8}));
  EXPECT_EQ(stable(), 8);
  EXPECT_EQ(log->open_transaction(ProducerId{2})->first_offset, Offset{0});
  fs.restart(sim::Crash::all_lost);
  reopen();
  EXPECT_EQ(log->log_start_offset(), Offset{8});
  EXPECT_EQ(stable(), 8);
  end_with(2, Kind::abort);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(stable(), 14);
  EXPECT_EQ(aborted(8, 14), (std::vector<AbortedTransaction>{transaction(2, 0, 13, 14)}));
}

TEST_F(TransactionsTest, AnOpenTransactionIsNeverForgottenByAge) {
  create({.segment_bytes_max = 300, .producer_expiration_ms = 1000});
  write(2, 0);
  ASSERT_TRUE(append(batch_by(4, 0, 0, 0)));
  ASSERT_TRUE(log->roll(now + 5000));
  ASSERT_EQ(log->producers().size(), 1u);
  EXPECT_EQ(log->producers()[0].producer_id, ProducerId{2});
  ASSERT_TRUE(log->close());
  reopen(true, now + 50000);
  EXPECT_TRUE(log->open_transaction(ProducerId{2}));
}

TEST_F(TransactionsTest, ManyAbortedTransactionsDoNotStayInMemory) {
  create();
  for (std::int32_t sequence = 0; sequence < 5000; ++sequence) {
    write(1, sequence);
    end_with(1, Kind::abort);
  }
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(content("00000000000000000000.txnindex").size(), 4096u * 34) << "the rest when it is sealed";
  EXPECT_EQ(aborted(0, 10000).size(), 5000u);
  EXPECT_EQ(aborted(8000, 8400).size(), 200u);
  fs.restart(sim::Crash::all_lost);
  reopen();
  EXPECT_EQ(aborted(0, 10000).size(), 5000u);
  ASSERT_TRUE(log->close());
  reopen(true);
  EXPECT_EQ(aborted(0, 10000).size(), 5000u);
}

class DamagedTxnIndexTest : public TransactionsTest {
 protected:
  /// A closed log whose first segments have aborted transactions.
  void fill_and_close() {
    create({.segment_bytes_max = 600});
    write(9, 0);
    for (int i = 0; i < 6; ++i) {
      write(1, i);
      end_with(1, i % 3 == 1 ? Kind::commit : Kind::abort);
    }
    end_with(9, Kind::abort);
    ASSERT_TRUE(log->sync());
    end_ = log->high_watermark().value;
    expected_ = aborted(0, end_);
    ASSERT_EQ(expected_.size(), 5u);
    ASSERT_TRUE(log->close());
    names_ = files(".txnindex");
    ASSERT_GE(names_.size(), 2u);
  }
  void expect_all_found(const std::string& what) {
    reopen(true);
    ASSERT_FALSE(log->halted()) << what;
    ASSERT_EQ(aborted(0, end_), expected_) << what;
    ASSERT_EQ(aborted(1, 2).size(), 2u) << what;
    ASSERT_GT(log->recovery().indexes_rebuilt, 0u) << what;
  }

  std::vector<std::string> names_;
  std::vector<AbortedTransaction> expected_;
  std::int64_t end_ = 0;
};

TEST_F(DamagedTxnIndexTest, EveryFlippedBitIsMadeGoodFromTheLog) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  for (const std::string& name : names_) {
    const Bytes whole = content(name);
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 3) {
      Bytes bent = whole;
      bent[bit / 8] ^= std::byte(1u << bit % 8);
      overwrite(name, bent);
      ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " bit " + std::to_string(bit)));
    }
    overwrite(name, whole);
  }
}

TEST_F(DamagedTxnIndexTest, AFileThatIsCutOrMissingIsMadeGoodFromTheLog) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  for (const std::string& name : names_) {
    const Bytes whole = content(name);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      overwrite(name, BytesView{whole}.first(cut));
      ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " cut at " + std::to_string(cut)));
    }
    ASSERT_TRUE(fs.remove_file(env::join(events_dir, name)));
    ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " missing"));
    overwrite(name, whole);
  }
}

TEST_F(DamagedTxnIndexTest, WithoutASnapshotOfOursWhatCannotBeIsStillSeen) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  remove_snapshots();
  Bytes bent = content(names_[0]);
  store_be<std::int64_t>(bent.data() + 18, 99);  // a marker in another segment
  overwrite(names_[0], bent);
  expect_all_found("last offset");
}

TEST_F(DamagedTxnIndexTest, DamageWhileTheLogIsOpenIsMadeGoodFromTheLog) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  reopen(true);
  overwrite(names_[0], BytesView{content(names_[0])}.first(20));
  EXPECT_EQ(aborted(0, end_), expected_);
}

TEST_F(TransactionsTest, ATornMarkerLeavesItsTransactionOpen) {
  create();
  write(1, 0);
  ASSERT_TRUE(log->sync());
  const Bytes before = content("00000000000000000000.log");
  end_with(1, Kind::abort);
  const Bytes whole = content("00000000000000000000.log");
  log.reset();
  for (std::size_t cut = before.size(); cut < whole.size(); ++cut) {
    overwrite("00000000000000000000.log", BytesView{whole}.first(cut));
    reopen();
    ASSERT_TRUE(log->open_transaction(ProducerId{1})) << cut;
    ASSERT_EQ(stable(), 0);
    ASSERT_TRUE(aborted(0, 1).empty());
  }
}

TEST_F(TransactionsTest, AHaltedLogStillHidesWhatIsUndecidedOrAborted) {
  create({.segment_bytes_max = 300});
  write(1, 0);
  end_with(1, Kind::abort);
  write(2, 0);
  fill(0, 12);
  ASSERT_GT(log->segments_count(), 2u);
  ASSERT_TRUE(log->close());
  ASSERT_TRUE(fs.remove_file(env::join(events_dir, files(".log")[1])));
  reopen();
  ASSERT_TRUE(log->halted());
  EXPECT_EQ(stable(), 2);
  EXPECT_EQ(aborted(0, 2), (std::vector<AbortedTransaction>{transaction(1, 0, 1, 2)}));
}

}  // namespace
}  // namespace sluice::log
