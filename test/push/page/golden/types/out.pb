{"name":"build_info","type":1,"metric":[{"label":[{"name":"version","value":"1"}],"gauge":{"value":1}}]}
{"name":"jobs_total","help":"Jobs that ended, as \"done\" \\ or not.\nSecond line.","type":0,"metric":[{"label":[{"name":"job","value":"a"}],"counter":{"value":1000000,"created":{"seconds":1700000000,"nanos":125000000}}},{"label":[{"name":"job","value":"b"}],"counter":{"value":0.1,"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"odd","type":3,"metric":[{"untyped":{"value":-17.25}}]}
{"name":"queue_bucket","type":3,"metric":[{"label":[{"name":"le","value":"1"}],"untyped":{"value":1}},{"label":[{"name":"le","value":"+Inf"}],"untyped":{"value":2}}]}
{"name":"queue_gcount","type":3,"metric":[{"untyped":{"value":2}}]}
{"name":"queue_gsum","type":3,"metric":[{"untyped":{"value":3}}]}
{"name":"requests","type":0,"metric":[{"counter":{"value":3,"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"state","type":1,"metric":[{"label":[{"name":"state","value":"on"}],"gauge":{"value":1}}]}
{"name":"temperature_celsius","type":1,"unit":"celsius","metric":[{"label":[{"name":"place","value":"a \"b\" \\ c\nd"}],"gauge":{"value":-0.5}},{"label":[{"name":"place","value":"nowhere"}],"gauge":{"value":"NaN"}},{"label":[{"name":"place","value":"sun"}],"gauge":{"value":"Infinity"}},{"label":[{"name":"place","value":"void"}],"gauge":{"value":"-Infinity"}}]}
{"name":"took_seconds","type":4,"metric":[{"histogram":{"count":4,"sum":5.5,"bucket":[{"count":1,"le":0.5},{"count":2,"le":1},{"count":3,"le":5000000}],"created":{"seconds":1700000000,"nanos":125000000}}},{"label":[{"name":"job","value":"no-sum"}],"histogram":{"count":2,"sum":"NaN","bucket":[{"count":2,"le":1}],"created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"wait_seconds","type":2,"metric":[{"summary":{"count":3,"sum":12,"quantile":[{"quantile":0.5,"value":0.25},{"quantile":1,"value":"NaN"}],"created":{"seconds":1700000000,"nanos":125000000}}}]}
