"""What a server can be told to do, in the words that the help of both of its command lines shows."""

from __future__ import annotations

from typing import Final

WORLDS: Final = """\
  chitchat                    7,168 real conversations; chitchat:200 takes the first 200
  synthetic:seed=7,size=1000  generated conversations
  recorded:FILE               JSON Lines as GET /_control/world writes them
"""
FAULTS: Final = """\
  rate_limit:rate=20,capacity=40,retry_after=seconds|date|absent,per=key|app|server
  status:status=503,body=json|html|empty,executed=true
  revoked  forbidden  slow:latency_ms=50,jitter_ms=20  hang  reset  truncate  loop  shuffle
  and with each of them route=, app_id=, after=, times=, probability=
"""
QUESTIONS: Final = """\
  delete_user_polls=1  delete_user_ms=0  deleted_message=remove|placeholder  deleted_cursor=position|refuse
  merged_user=gone|survivor  sparse_meta=false  link_base=  gzip=false  external_id_first=false
  deleted_user_groups=keep|remove|anonymous|close
"""
