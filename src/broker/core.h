// Everything that a request's handler may touch. One loop thread owns it.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "broker/acls.h"
#include "broker/buffer_pool.h"
#include "broker/cleaner.h"
#include "broker/config.h"
#include "broker/fetch_session.h"
#include "broker/groups.h"
#include "broker/identity.h"
#include "broker/notices.h"
#include "broker/producer_ids.h"
#include "broker/request.h"
#include "broker/server.h"
#include "broker/settings.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "broker/transactions.h"
#include "env/env.h"
#include "record/compression.h"
#include "record/rewriter.h"

namespace sluice::broker {

struct PendingProduce;

struct Core {
  env::Env env;
  env::EventLoop& loop;
  ServerConfig& config;
  Notices& notices;
  Identity identity;
  env::Address address;  ///< of the first listener; clients are told that of theirs (Session)

  std::unique_ptr<Settings> settings;  ///< what admin requests have changed
  Acls acls;
  std::unique_ptr<Topics> topics;
  std::unique_ptr<Syncer> syncer;
  std::unique_ptr<Cleaner> cleaner;
  std::unique_ptr<Groups> groups;
  std::unique_ptr<ProducerIds> producer_ids;
  std::unique_ptr<Transactions> transactions;
  std::unique_ptr<Server> server;
  FetchSessions fetch_sessions;
  BufferPool buffers;
  record::Decompressor decompressor;
  record::BatchRewriter rewriter;
  std::list<std::shared_ptr<PendingProduce>> pending_produces;  ///< oldest first; for their time-outs
};

}  // namespace sluice::broker
